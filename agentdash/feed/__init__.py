"""The tasks that keep the state true: polls, streams, supervision."""
