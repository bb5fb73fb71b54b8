package desk

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// Bounds of a file of users. One import gives at most maxImportPINs PINs, because each takes a
// tenth of a second to make.
const (
	MaxImport     = 32 << 20 // bytes
	maxImportRows = 100_000
	maxImportPINs = 1000
)

// userColumns are the columns of a file of users, in the order in which they are exported.
var userColumns = []string{"id", "first_name", "last_name", "email", "employee_number", "groups", "valid_from", "valid_until", "extended", "enabled", "cards", "pin"}

// A usersFile is a decoded file of users.
type usersFile struct {
	columns map[string]int // where they are in a row
	rows    []fileRow
}

// A fileRow is a row below the header.
type fileRow struct {
	line  int // from 1
	cells []string
}

// cell returns the cell of a row in a column; has is false if the file lacks the column.
func (f *usersFile) cell(r fileRow, column string) (text string, has bool) {
	at, has := f.columns[column]
	if !has {
		return "", false
	}
	text = strings.TrimSpace(r.cells[at])
	// Export puts a ' before what a spreadsheet would take for a formula.
	if bare, quoted := strings.CutPrefix(text, "'"); quoted && Cell(bare) == text {
		text = bare
	}
	return text, true
}

// readUsersFile decodes a file of users: CSV (RFC 4180) in UTF-8 with a header, separated by
// commas or semicolons. Field: "file".
func readUsersFile(b []byte) (*usersFile, error) {
	if err := checkUsersText(b); err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte(byteOrderMark))
	in := csv.NewReader(bytes.NewReader(b))
	header, _, _ := bytes.Cut(b, []byte("\n"))
	if bytes.Count(header, []byte(";")) > bytes.Count(header, []byte(",")) { // as spreadsheets in Europe write it
		in.Comma = ';'
	}
	names, err := in.Read()
	if err != nil {
		return nil, csvError(err)
	}
	f := &usersFile{columns: map[string]int{}}
	for at, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		switch _, twice := f.columns[name]; {
		case !slices.Contains(userColumns, name):
			return nil, wrong("file", "There is no column %s; the columns are %s, and the first line names those that the file has", language.Quoted(name, 40), strings.Join(userColumns, ", "))
		case twice:
			return nil, wrong("file", "The column %s is there twice", name)
		}
		f.columns[name] = at
	}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(err)
		}
		line, _ := in.FieldPos(0)
		if !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue // spreadsheets leave such rows at the end
		}
		if len(f.rows) == maxImportRows {
			return nil, wrong("file", "The file has more than %d rows: divide it", maxImportRows)
		}
		f.rows = append(f.rows, fileRow{line, cells})
	}
	if len(f.rows) == 0 {
		return nil, wrong("file", "The file has a header, and no rows below it")
	}
	return f, nil
}

// checkUsersText refuses what is no UTF-8 text. Field: "file".
func checkUsersText(b []byte) error {
	line := func(at int) int { return 1 + bytes.Count(b[:at], []byte("\n")) }
	switch {
	case len(b) > MaxImport:
		return wrong("file", "The file is larger than 32 MiB: divide it")
	case len(bytes.TrimSpace(b)) == 0:
		return wrong("file", "The file is empty: its first line names the columns")
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		return wrong("file", "The file is UTF-16: save it as CSV UTF-8")
	}
	if at := bytes.IndexByte(b, 0); at >= 0 {
		return wrong("file", "Line %s has a NUL byte: save the file as CSV UTF-8", strconv.Itoa(line(at)))
	}
	if utf8.Valid(b) {
		return nil
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size <= 1 {
			return wrong("file", "Line %s is not UTF-8: save the file as CSV UTF-8", strconv.Itoa(line(at)))
		}
		at += size
	}
}

// csvError says what is wrong with a CSV file. Field: "file".
func csvError(err error) error {
	var at *csv.ParseError
	switch {
	case !errors.As(err, &at):
		return wrongField("file", err)
	case errors.Is(err, csv.ErrFieldCount):
		return wrong("file", "Line %s has more or fewer cells than the header: put a cell that has the separator in it in double quotes", strconv.Itoa(at.Line))
	}
	return wrong("file", "Line %s: a double quote stands alone; write a cell that has one in double quotes, and the quote twice", strconv.Itoa(at.Line))
}
