"""How Tenure looks from outside: one package for each contract, the web pages, the command line, and what they share.

An endpoint parses, asks the application or a read model, and renders; rules of the domain may not live here, and no
contract may import another.
"""
