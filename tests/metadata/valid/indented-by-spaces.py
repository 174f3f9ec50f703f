def main():
    # conda execute
    # env:
    #  - python
    return 1
