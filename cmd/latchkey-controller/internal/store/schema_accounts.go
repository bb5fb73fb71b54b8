package store

// accountSchema is what acts of administrators that overlap are told apart by.
const accountSchema = ``
