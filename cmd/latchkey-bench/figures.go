package main

// runs are the benchmarks that the figures come from.
var runs = []run{
	{"latchkey/device/cache", "Lookup|Open", "1s"},
	{"latchkey/keypad", "Frame|Bus", "1s"},
	{"latchkey/cmd/latchkeyd", "Attempt", "20x"},
	{"latchkey/cmd/latchkeyd", "Process|Binary", "1x"},
}

// figures are the reader's promises.
var figures = []figure{
	{"frame of 240 x 320 drawn and converted", "Frame/home-greeting ns/op", "", "ns", 1e6},
	{"bytes on the panel's bus for a key press, to two a changed pixel", "Bus bus-bytes/changed-byte", "", "times", 1.3},
	{"Presented to strike, beyond the longer of Argon2id and one fdatasync", "Attempt ms-beyond-argon2id-or-fdatasync", "", "ms", 2},
	{"  Argon2id in the same run", "Attempt ms-argon2id", "", "ms", 0},
	{"  one fdatasync in the same run", "Attempt ms-fdatasync", "", "ms", 0},
	{"fdatasyncs between finger and strike", "Attempt fdatasyncs-before-strike", "", "", 1},
	{"fdatasyncs for a whole attempt", "Attempt fdatasyncs-per-attempt", "", "", 2},
	{"bytes written for a whole attempt", "Attempt bytes-per-attempt", "", "bytes", 8192},
	{"firmware for arm64, static, stripped", "Binary MB", "", "MB", 10},
	{"resident memory, idle", "Process MB-resident-idle", "", "MB", 24},
	{"resident memory, most, after ten PINs", "Process MB-resident-most", "", "MB", 48},
}
