"""Where changes come from; what each feed hands on is rows that are new and keys that are gone."""
