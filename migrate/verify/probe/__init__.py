"""Runs one variant of one module, old or new, and writes down what its rules give.

migrate/verify/checking.py runs it in a process of its own, where it goes by the name of
`rrule_migrate_probe` and imports nothing of this package: the module to verify may have any name.
The run of the old variant also writes down the inputs; that of the new one reads both and compares.
Each answer is a line of JSON that is on the disk before the next case begins,
so that a time limit loses one case only.
"""
