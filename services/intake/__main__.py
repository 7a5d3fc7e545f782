"""Start intake: `python -m services.intake`."""

import gc

from services.intake.main import build
from services.runtime.service import main

GARBAGE_OBJECTS = 20_000
"""New objects between two looks for cycles. A batch makes hundreds of thousands and none of them in a cycle; looking every 700
(the default) costs a tenth of the whole time."""

if __name__ == "__main__":
    gc.set_threshold(GARBAGE_OBJECTS)
    main("intake", build)
