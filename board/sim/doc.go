// Package sim is a whole reader board in memory: a display, a touch controller
// and an NFC chip on SPI, and the lines around them. The drivers for real chips
// run on it unchanged.
//
// The chips are emulated from their data sheets, at the level of bytes on the
// wire and levels on the lines, with what those sheets forbid as well as what
// they promise. What a program does against a data sheet has the effect that it
// would have on the chip, and is listed by [Board.Violations]. Faults can be
// injected by name, as the page and a config do ([Board.Inject]), or all that a
// chip may have at a time ([Board.SetFault]).
//
// # SPI
//
// A port behaves as periph's sysfs.SPI over spidev on a Raspberry Pi: Connect
// once, 8 bits a word, neither LSBFirst nor HalfDuplex (EINVAL), at most 4,096
// bytes in a message (EMSGSIZE), equal lengths or one buffer, chip select low for
// one message or, with KeepCS, across packets. The clock is the core's 400 MHz
// through an even divisor, never faster than asked. An absent chip is no error:
// MISO floats. Transfers take no time; where a chip counts time on the wire (how
// long chip select is low) it is computed from the clock.
//
// # The panel: ILI9341, ST7789V or ST7796S, 4-line serial interface
//
// Commands and parameters by the D/C line, each parameter byte taking effect as
// it comes; sleep, display and reset with their waiting times (a command that
// comes too early is lost); the register values after power-up, SWRESET and RESX;
// windows under every MADCTL; 16 and 18 bit pixels, of which only whole ones are
// stored, after RAMWR or RAMWRC; inversion, idle, partial and scroll on the way to
// the glass; reads, with the dummy clock of 04 and 09 and the dummy byte of RAMRD.
// The memory is random after power-up. Of the makers' own commands: the ILI9341's
// IFCTL (WEMODE); the ST7789V's RAMCTRL (ENDIAN), LCMCTRL and GATECTRL (GS); the
// ST7796S's CSCON, which locks its command table 2, DFC (GS, SS, NL) and SPIRC.
// Voltages, gamma and frame rate are accepted and change nothing; 12 bit pixels
// are not emulated. No source settles, so this package decides: a read that chip
// select interrupts goes on in the next window if D/C is high; the two keys of
// CSCON open command table 2 in either order, and only together.
//
// # Touch: XPT2046
//
// The serial interface clock by clock: start bit, channels, 12 and 8 bits, one
// null bit, back-to-back conversions 15 or 11 clocks apart; chip select ends a
// conversion. PENIRQ follows PD0 and conversions. The film gives Z1 and Z2 by the
// resistance of the contact, a first sample after a change of channel that has not
// settled, and noise; untouched, X reads 0 and Y anything. The sources do not
// agree which command is X.
//
// # NFC: PN532 (firmware 1.6, C106) on SPI
//
// Bytes least significant bit first; status, write and read windows; normal,
// extended, ACK, NACK and error frames; ACK and response each after a real
// delay; abort by ACK or by another command; asleep and in Low-Vbat until woken
// by chip select and configured; frames read in pieces, as measured on chips.
// Commands: Diagnose (line, ROM, RAM, card presence, antenna), GetFirmwareVersion,
// GetGeneralStatus, register and GPIO access without effect, SetParameters,
// SAMConfiguration, PowerDown, RFConfiguration, InListPassiveTarget, InAutoPoll,
// InDataExchange, InCommunicateThru, InDeselect, InRelease, InSelect. Any other
// command gets the error frame. Cards are of type A; one at a time. With a card
// that speaks ISO/IEC 14443-4 the chip exchanges APDUs in blocks at 106 kbit/s,
// grants S(WTX), and passes long ones to the host in parts (MI). By
// InCommunicateThru the host may send RATS, R(NAK), S(DESELECT) and HLTA itself.
// On a serial line (HSU) the same chip serves other programs, as those of libnfc:
// [Board.ServeHSU].
//
// No source settles, so this package decides: a frame counts as read, and P70_IRQ
// rises, when chip select rises after its last byte, postamble included; after a
// new command, a frame that was ready stays readable until the new ACK replaces
// it; SAMConfiguration without its IRQ byte enables P70_IRQ; a card answers the
// next request after InRelease, and after InDeselect only one for its UID; what an
// exchange costs the chip itself passes before the first byte on the air; a card
// executes a command whose last byte it received, whatever happens to the reply.
//
// # Cards: DESFire (D40, EV1, EV2, EV3) and NTAG 424 DNA
//
// The chips of cards keep keys, applications and standard data files in a [Memory],
// in native and in wrapped commands: AuthenticateLegacy, AuthenticateISO,
// AuthenticateAES, AuthenticateEV2First and NonFirst with their secure messaging;
// ChangeKey in all forms; applications and files as libfreefare's tools need them;
// fail counters. Every error ends the session, and is listed by [Memory.Refused].
// [Memory.TearNext] lets the power fail in a command that writes. Not emulated:
// LRP, SetConfiguration, backup, value and record files, SDM beyond its settings,
// proximity check. No source settles, so this package decides: only the PICC
// master key or the application's own deletes an application, whatever the
// settings; a command between the halves of an authentication gets CA, as between
// the frames of any other; right after selection, an NTAG 424 has no keys (40).
//
// [PanelOptions], [TouchOptions], [NFCOptions] and [ChipOptions] hold what differs between
// modules, or between sources.
package sim
