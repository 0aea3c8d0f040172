"""Set-up and life of the product on one machine: `python3 -m seeops.bootstrap setup|run|down|clean`.

Runs with the system's Python 3.11 and its standard library, because the virtual environment is one of the things it makes.
It imports nothing of the console.
"""
