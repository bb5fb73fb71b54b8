package store

// namesSchema is how things were called when something happened, and which zone a site is in.
const namesSchema = ``
