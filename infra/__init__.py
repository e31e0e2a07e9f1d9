"""What Tenure runs on: the implementations of the ports, and the processes, as packages with layers among them.

Rules of the domain do not live here, nor anything that a client sees.
"""
