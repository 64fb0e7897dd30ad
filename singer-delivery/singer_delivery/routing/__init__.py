"""Which call a record becomes, in the vocabulary of Segment's specification."""
