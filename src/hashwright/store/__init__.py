"""The durable order of events: journal, snapshots, projections."""
