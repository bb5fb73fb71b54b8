// Package sim is a whole reader board in memory: a display, a touch
// controller and an NFC chip on SPI, and the lines around them. The drivers
// that run on real chips run on these unchanged.
//
// The chips are emulated from their data sheets, at the level of bytes on the
// wire and levels on the lines, and keep to what those sheets forbid as much as
// to what they promise. What a program does against a data sheet has the effect
// that it would have on the chip, and is listed by [Board.Violations]. Faults
// come on demand: by name, as the page and a config have them ([Board.Inject]),
// or all that a chip may have at a time ([Board.SetFault]).
//
// # SPI
//
// A port behaves as periph's sysfs.SPI over spidev on a Raspberry Pi: Connect
// once, 8 bits a word, no LSBFirst (EINVAL), at most 4,096 bytes in a message
// (EMSGSIZE), equal lengths or one buffer, chip select low for one message or,
// with KeepCS, across packets. The clock is the core's 400 MHz through an even
// divisor, never faster than asked. A chip that is absent is no error: MISO
// floats. Transfers take no time; where a chip counts time on the wire (how
// long chip select is low) it is reckoned from the clock.
//
// # The panel: ILI9341, ST7789V or ST7796S, 4-line serial interface
//
// Commands and parameters by the D/C line, each parameter byte counting as it
// comes; sleep, display and reset with their waiting times (what comes too
// early is lost); the register values after power-up, SWRESET and RESX; windows
// under every MADCTL; 16 and 18 bit pixels, of which only whole ones are
// stored and which need RAMWR or RAMWRC; inversion, idle, partial and scroll on
// the way to the glass; reads, with the dummy clock of 04 and 09 and the dummy
// byte of RAMRD. The memory is random after power-up. Of the makers' own
// commands: the ILI9341's IFCTL (WEMODE); the ST7789V's RAMCTRL (ENDIAN),
// LCMCTRL and GATECTRL (GS); the ST7796S's CSCON, which locks its command table
// 2, DFC (GS, SS, NL) and SPIRC. Voltages, gamma and frame rate are accepted
// and change nothing; 12 bit pixels are not taken. Parameters ([PanelOptions]):
// the model, its glass, the identity bytes, whether the module brings SDO out,
// how it is turned, and the clocks beyond which a violation is noted. Not
// settled by any source, and so decided here: a read that chip select
// interrupts goes on in the next window if D/C is high; the two keys of CSCON
// open command table 2 in either order, and only together.
//
// # Touch: XPT2046
//
// The serial interface clock by clock: start bit, channels, 12 and 8 bits, one
// null bit, back-to-back conversions 15 or 11 clocks apart, a conversion lost
// with chip select. PENIRQ as PD0 and conversions move it. The film gives Z1
// and Z2 by the resistance of the contact, a first sample after a change of
// channel that has not settled, and noise; untouched, X reads 0 and Y anything.
// Parameters ([TouchOptions]): the raw values at the edges, swapped axes (the
// sources do not agree which command is X), noise, settling, resistance.
//
// # NFC: PN532 (firmware 1.6, C106) on SPI
//
// Bytes least significant bit first; status, write and read windows; normal,
// extended, ACK, NACK and error frames; ACK and response each after a real
// delay; abort by ACK or by another command; asleep and in Low-Vbat until woken
// by chip select and configured; frames read in pieces as they were measured
// to behave. Commands: Diagnose (line, ROM, RAM, card presence, antenna),
// GetFirmwareVersion, GetGeneralStatus, register and GPIO access without
// effect, SetParameters, SAMConfiguration, PowerDown, RFConfiguration,
// InListPassiveTarget, InAutoPoll, InDataExchange and InCommunicateThru as far
// as a reader of identifiers needs them, InDeselect, InRelease, InSelect. Any
// other command gets the error frame. Cards are of type A; one at a time.
// Parameters ([NFCOptions]): every time, whether a response begins with one
// zero or two, what is read where nothing is defined, what reading past an ACK
// costs, when P70_IRQ begins to work, whether the first command after waking is
// lost, whether a selected card misses the next request. Not settled by any
// source, and so decided here: a frame counts as read, and P70_IRQ rises, when
// chip select rises after its last byte, postamble included; a host's new
// command leaves a frame that waits readable until the new ACK replaces it;
// SAMConfiguration without its IRQ byte drives P70_IRQ.
package sim
