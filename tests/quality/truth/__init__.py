"""What there is to be tested in each app: its main flows, written by hand. Suites under test never see them."""
