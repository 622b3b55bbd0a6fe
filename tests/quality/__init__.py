"""How good suites are: a proxy changes an app under them, and it is counted what they notice."""
