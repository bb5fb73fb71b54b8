package desk

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A PINFileForm says to whom a file of PINs is encrypted: to a passphrase, or to age recipients,
// one per line. Fields: "passphrase", "recipients".
type PINFileForm struct {
	Passphrase []byte
	Recipients string
}

// Delivery returns a delivery of PINs as an encrypted file, which it writes to w. done, if not
// nil, is called when the whole file is written.
func (f *PINFileForm) Delivery(w io.Writer, done func() error) (*PINDelivery, error) {
	to, err := f.to()
	if err != nil {
		return nil, err
	}
	return &PINDelivery{How: language.Say("in a file encrypted to %s", to.String()), Give: func(pins []*ImportedPIN) error {
		err := writePINs(w, to, pins)
		if err == nil && done != nil {
			err = done()
		}
		return err
	}}, nil
}

func (f *PINFileForm) to() (backup.Recipients, error) {
	switch {
	case f.Recipients == "":
		if err := checkSecret("passphrase", pinFileRules, f.Passphrase); err != nil {
			return backup.Recipients{}, err
		}
		return backup.ToPassphrase(f.Passphrase)
	case len(f.Passphrase) > 0:
		return backup.Recipients{}, wrongField("recipients", language.Say("the file is encrypted to recipients or to a passphrase, not to both"))
	}
	to, err := backup.ParseRecipients(f.Recipients)
	return to, wrongField("recipients", err)
}

// writePINs writes PINs as CSV, encrypted, and wipes them. Each has a space in the middle: a
// spreadsheet would take zeros from the beginning of a number.
func writePINs(w io.Writer, to backup.Recipients, pins []*ImportedPIN) error {
	defer WipePINs(pins)
	encrypted, err := to.Encrypt(w)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(encrypted, byteOrderMark+"pin,id,name,employee_number\r\n"); err != nil {
		return err
	}
	line := make([]byte, 0, 4<<10) // longer than any line, so that it is never copied
	defer func() { clear(line[:cap(line)]) }()
	for _, pin := range pins {
		var rest bytes.Buffer
		cells := csv.NewWriter(&rest)
		cells.UseCRLF = true
		cells.Write([]string{fmt.Sprint(pin.User), Cell(pin.Name), Cell(pin.Employee)})
		cells.Flush()
		half := len(pin.Digits) / 2
		line = append(append(append(line[:0], pin.Digits[:half]...), ' '), pin.Digits[half:]...)
		line = append(append(line, ','), rest.Bytes()...)
		if _, err := encrypted.Write(line); err != nil {
			return err
		}
	}
	return encrypted.Close()
}

// WipePINs clears the digits of PINs.
func WipePINs(pins []*ImportedPIN) {
	for _, pin := range pins {
		clear(pin.Digits)
	}
}
