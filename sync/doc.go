// Package sync is a reader's link to its controller: MQTT, replication of
// credentials and policy, delivery of records, commands. PROTOCOL.md beside
// this file says what is on the wire, and package wire how it is encoded.
//
// It is in two parts. Link is a state machine without I/O, clock or goroutine:
// events go in, actions come out, and the time travels with the event. Client
// carries the actions out: it speaks MQTT through paho, and reads and writes
// the disk through small interfaces that the reader's cache and journal fit.
//
//	broker -> Client -> Message -+            +-> Publish, Resubscribe, Drop -> broker
//	reader -> Report, Recorded --+            +-> Apply, Begin, PutChunks … -> cache -> Cached
//	cache, journal -> Cached … --+-> Link.Step+-> ReadRecords, TrimRecords -> journal -> RecordsRead …
//	card -> Card ----------------+            +-> CardAnswered -> card
//	time -> Tick ----------------+            +-> News: Command, Refused, ClockSet … -> reader
//
// The broker is not trusted: a message counts only once it is bounded, decoded, and
// verified by a signature or a hash. A refused message changes nothing. Losing the link
// changes nothing at the door.
package sync
