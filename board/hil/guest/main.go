// Command guest is what the test bench runs inside the emulated machine beside
// the reader: as process 1 it brings the machine up and does what the bench
// asks for; as "init chips", a process of its own, it is the chips on the SPI bus, and
// as "init tpm" it is what connects the kernel to the TPM.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	var err error
	switch {
	case os.Getpid() == 1:
		err = initialise()
	case len(os.Args) == 2 && os.Args[1] == "chips":
		err = runChips()
	case len(os.Args) == 2 && os.Args[1] == "tpm":
		err = runTPM()
	default:
		err = fmt.Errorf("usage: init chips | tpm")
	}
	if err != nil {
		printLine("failed: %v", err)
		os.Exit(1) // of process 1: the kernel panics, and QEMU ends
	}
}

// printLine prints a line to the console, with the seconds since the kernel started.
func printLine(format string, args ...any) {
	fmt.Printf("\nBENCH %.3f %s\n", sinceBoot(), fmt.Sprintf(format, args...))
}

// sinceBoot is how long the kernel has run, in seconds.
func sinceBoot() float64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return float64(ts.Nano()) / 1e9
}
