// Package device is the reader's brain: events go in, actions come out. It
// decides by itself, from what it is told, whether the door opens.
//
// It does no I/O, reads no clock and starts no goroutine: the time travels in
// the call, and one loop (in cmd/latchkeyd) owns the Reader, hands it one event
// at a time and carries its actions out in order. It never sees a digit of a
// PIN nor a card's identifier.
//
// What must not be forgotten, Durable, is a fold over the records of the
// journal: a start folds them with Durable.Apply and hands the result to New.
package device
