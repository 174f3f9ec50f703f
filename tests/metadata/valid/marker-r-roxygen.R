#' conda execute
#' env:
#'  - r-base 4.3.*
#'  - r-dplyr
# this line has another marker

library(dplyr)
