"""The outside world for demos, tests and benchmarks: districts, register, reviewers and case systems, all
invented.

Topics read: none here (the demo's case systems read `municipality.<code>.notification.v1`). Topics written:
none here (the case systems write `municipality.<code>.receipt.v1`). Tables owned: none. It meets the services
only through their public doors, nothing imports it, and its truth file is made from what it planted, never by
calling what it checks.
"""
