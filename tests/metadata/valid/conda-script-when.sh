# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# a = { when = "__unix" }
# b = { when = "__linux" }
# c = { when = "__osx" }
# d = { when = "__win" }
# e = { when = "__glibc" }
# f = { version = ">=2", when = "__unix" }
# /// end-conda-script

echo hello
