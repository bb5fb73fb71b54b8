package store

// clockSchema is what the controller knows of the time, and of the space it keeps ahead.
const clockSchema = ``
