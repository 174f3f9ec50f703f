# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# a = {}
# b = { version = "1.*" }
# c = { build = "py*" }
# d = { version = ">=1,<2", build = "py*" }
# e = { build-number = 3 }
# f = { build-number = ">=3", channel = "bioconda" }
# g = { version = "1.2", subdir = "noarch", md5 = "d41d8cd98f00b204e9800998ecf8427e" }
# h = { sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
# i.version = "=1.26"
# [dependencies.j]
# version = "==1.2.3"
# channel = "https://conda.anaconda.org/conda-forge"
# /// end-conda-script

echo hello
