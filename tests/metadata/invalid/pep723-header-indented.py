if 1:
    # /// script
    # dependencies = []
    # ///
    pass
