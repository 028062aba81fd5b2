"""What a fold is and what all folds share: the contract, the view, deadlines, the time of a partition. Pure."""
