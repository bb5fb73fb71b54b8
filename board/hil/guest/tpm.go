package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What <linux/vtpm_proxy.h> calls VTPM_PROXY_IOC_NEW_DEV, VTPM_PROXY_FLAG_TPM2 and
// TPM2_CC_SET_LOCALITY.
const (
	newDevice   = 0xC014A100
	flagTPM2    = 1
	setLocality = 0x20001000
)

// proxyDevice is struct vtpm_proxy_new_dev.
type proxyDevice struct {
	flags, number, fd, major, minor uint32
}

// tpmHeader is the header of a TPM's commands and answers: a tag, the size of all, a code.
const tpmHeader = 10

// runTPM gives the kernel a TPM whose commands go to the chip at the other end of the
// virtio-serial port "tpm". The TPM goes away with this process, which must not be one
// that uses it: the kernel lets them wait for each other.
func runTPM() error {
	path, err := portPath("tpm")
	if err != nil {
		return err
	}
	port, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	proxy, err := os.OpenFile("/dev/vtpmx", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	device := proxyDevice{flags: flagTPM2}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, proxy.Fd(), newDevice, uintptr(unsafe.Pointer(&device))); errno != 0 {
		return fmt.Errorf("make a TPM: %w", errno)
	}
	failed := make(chan error, 1)
	go func() { failed <- forwardCommands(os.NewFile(uintptr(device.fd), "vtpm"), port) }()
	// The kernel has commands of its own before the device is there.
	for manager := fmt.Sprintf("/dev/tpmrm%d", device.number); ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-failed:
			return err
		default:
		}
		if grantDevices(manager) == nil {
			printLine("%s", manager)
			return <-failed
		}
	}
}

// forwardCommands sends the kernel's commands to the chip, and its answers back.
func forwardCommands(kernel io.ReadWriter, chip io.ReadWriter) error {
	buf := make([]byte, 4096) // TPM_BUFSIZE of the kernel
	for {
		n, err := kernel.Read(buf)
		if err != nil {
			return err
		}
		if n < tpmHeader {
			return fmt.Errorf("a command of %d bytes", n)
		}
		var answer []byte
		if binary.BigEndian.Uint32(buf[6:]) == setLocality { // no command of a TPM's
			answer = []byte{0x80, 0x01, 0, 0, 0, tpmHeader, 0, 0, 0, 0}
		} else {
			if _, err := chip.Write(buf[:n]); err != nil {
				return err
			}
			if answer, err = readAnswer(chip, buf); err != nil {
				return err
			}
		}
		if _, err := kernel.Write(answer); err != nil {
			return err
		}
	}
}

// readAnswer reads a TPM's answer into buf.
func readAnswer(from io.Reader, buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(from, buf[:tpmHeader]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(buf[2:])
	if size < tpmHeader || size > uint32(len(buf)) {
		return nil, errors.New("an answer that is none")
	}
	_, err := io.ReadFull(from, buf[tpmHeader:size])
	return buf[:size], err
}
