"""monitoring: live counts per week, stage and municipality, for displays and progress bars. Nothing it holds is the truth.

Reads every topic but `municipality.*` and the records (millions, which extracts count), from the beginning at each start, so
losing its state loses nothing. Writes none. Owns no table. It is the one service built on Faust; what is durable uses the
runtime's own consumer.
"""
