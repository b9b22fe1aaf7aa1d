"""Tables that a project's own functions make of events, in the run's transaction."""
