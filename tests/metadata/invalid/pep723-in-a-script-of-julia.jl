# /// script
# dependencies = ["six"]
# ///

println(1)
