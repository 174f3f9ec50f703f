    REM conda execute:
    REM env:
    REM  - pip:
    REM     - rich

import rich
