// Package sim is a whole reader board in memory: a display, a touch
// controller and an NFC chip on SPI, and the lines around them. The drivers
// that run on real chips run on these unchanged.
//
// The chips are emulated from their data sheets, at the level of bytes on the
// wire and levels on the lines, and keep to what those sheets forbid as much as
// to what they promise. What a program does against a data sheet has the effect
// that it would have on the chip, and is listed by Board.Violations.
package sim
