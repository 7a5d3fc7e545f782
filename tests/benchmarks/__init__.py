"""Measures at the size of the country, a tenth and a hundredth of it: `python -m tests.benchmarks -h`.

One scenario on real engines: first load, one week that covers the history, then the week that is measured; every figure stands
beside a baseline from the same run, and each process is watched all the time. Each figure is printed and kept when it is known.
"""
