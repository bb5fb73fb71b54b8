package sim

import "slices"

// Values of a file's access rights beside the numbers of keys.
const (
	accessFree  = 0xE
	accessNever = 0xF
)

// Bits of a file's option.
const (
	optionComm = 0x03 // 0 and 2 plain, 1 MAC, 3 full
	optionSDM  = 0x40 // the file changes as it is read; only its settings are emulated
)

// rights are the nibbles of a file's access rights.
func (f *cardFile) rights() (read, write, both, change byte) {
	return f.Rights[1] >> 4, f.Rights[1] & 0x0F, f.Rights[0] >> 4, f.Rights[0] & 0x0F
}

func (f *cardFile) comm() comm {
	return [4]comm{commPlain, commMAC, commPlain, commFull}[f.Option&optionComm]
}

// file finds a file of the selected application.
func (c *cardChip) file(number byte) (*cardFile, status) {
	for _, f := range c.app.Files {
		if f.Number == number {
			return f, stOK
		}
	}
	return nil, stFileNotFound
}

// access is how a file is to be read, written or changed with the rights given:
// as itself says with the key of the session, plain if it is free.
func (c *cardChip) access(f *cardFile, protected comm, rights ...byte) (comm, status) {
	switch {
	case c.session != nil && slices.Contains(rights, c.key):
		return protected, stOK
	case slices.Contains(rights, accessFree):
		return commPlain, stOK
	case !slices.ContainsFunc(rights, func(r byte) bool { return r != accessNever }):
		return 0, stDenied
	}
	return 0, stAuth
}

// inApplication checks that a command about files runs in an application, and
// with its master key unless the settings make it free.
func (c *cardChip) inApplication(free byte) status {
	if c.app == c.m.picc {
		return stDenied
	}
	if c.app.Settings&free == 0 && !c.isMaster() {
		return stAuth
	}
	return stOK
}

// fileIDs is GetFileIDs.
func (c *cardChip) fileIDs([]byte) (ids []byte, st status) {
	for _, f := range c.app.Files {
		ids = append(ids, f.Number)
	}
	return ids, c.inApplication(listsFree)
}

// fileSettings is GetFileSettings.
func (c *cardChip) fileSettings(number []byte) ([]byte, status) {
	if st := c.inApplication(listsFree); st != stOK {
		return nil, st
	}
	f, st := c.file(number[0])
	if st != stOK {
		return nil, st
	}
	n := len(f.Data)
	out := []byte{0x00, f.Option, f.Rights[0], f.Rights[1], byte(n), byte(n >> 8), byte(n >> 16)}
	return append(out, f.Extra...), stOK
}

// createFile is CreateStdDataFile: number, perhaps an ISO identifier, option,
// rights and size.
func (c *cardChip) createFile(data []byte) ([]byte, status) {
	if st := c.inApplication(createFree); st != stOK {
		return nil, st
	}
	f, rest := &cardFile{Number: data[0]}, data[1:]
	if len(rest) > 6 {
		f.ISO, rest = slices.Clone(rest[:len(rest)-6]), rest[len(rest)-6:]
	}
	f.Option, f.Rights = rest[0], [2]byte{rest[1], rest[2]}
	size := int(rest[3]) | int(rest[4])<<8 | int(rest[5])<<16
	switch {
	case len(f.ISO) == 1:
		return nil, stLength
	case f.Number > 0x1F || f.Option&^optionComm != 0 || size == 0,
		(len(f.ISO) > 0) != c.app.ISOFiles:
		return nil, stParameter
	case slices.ContainsFunc(c.app.Files, func(g *cardFile) bool {
		return g.Number == f.Number || len(f.ISO) > 0 && string(g.ISO) == string(f.ISO)
	}):
		return nil, stDuplicate
	case c.m.used+padded(size, 32) > chipMemory:
		return nil, stNoMemory
	}
	f.Data = make([]byte, size)
	app := c.app
	c.write(func() { app.Files, c.m.used = append(app.Files, f), c.m.used+padded(size, 32) }, nil)
	return nil, stOK
}

// deleteFile is DeleteFile. The memory stays used.
func (c *cardChip) deleteFile(number []byte) ([]byte, status) {
	if st := c.inApplication(createFree); st != stOK {
		return nil, st
	}
	f, st := c.file(number[0])
	if st != stOK {
		return nil, st
	}
	app := c.app
	c.write(func() { app.Files = slices.DeleteFunc(app.Files, func(g *cardFile) bool { return g == f }) }, nil)
	return nil, stOK
}

func (c *cardChip) planChangeFileSettings(header []byte) (protection, status) {
	f, st := c.file(header[0])
	if st != stOK {
		return protection{}, st
	}
	_, _, _, change := f.rights()
	in, st := c.access(f, commFull, change)
	n := -1
	if c.m.kind < DESFireEV3 {
		n = 3
	} else if _, ok := c.session.(*ev2Session); !ok {
		n = 3
	}
	return protection{in: in, out: commBasic, n: n}, st
}

// changeFileSettings is ChangeFileSettings: option, rights, and what the option
// asks for.
func (c *cardChip) changeFileSettings(header, data []byte) ([]byte, status) {
	f, _ := c.file(header[0])
	if len(data) < 3 || data[0]&optionSDM == 0 && len(data) != 3 {
		return nil, stLength
	}
	if data[0]&^(optionComm|optionSDM) != 0 {
		return nil, stParameter
	}
	c.write(func() {
		f.Option, f.Rights, f.Extra = data[0], [2]byte{data[1], data[2]}, slices.Clone(data[3:])
	}, nil)
	return nil, stOK
}

// part is what of a file the header of a command means: number, offset, length.
func (c *cardChip) part(header []byte) (f *cardFile, from, n int, st status) {
	f, st = c.file(header[0])
	from = int(header[1]) | int(header[2])<<8 | int(header[3])<<16
	n = int(header[4]) | int(header[5])<<8 | int(header[6])<<16
	if st == stOK && from+n > len(f.Data) {
		st = stBoundary
	}
	return f, from, n, st
}

func (c *cardChip) planRead(header []byte) (protection, status) {
	f, _, n, st := c.part(header)
	if st != stOK {
		return protection{}, st
	}
	read, _, both, _ := f.rights()
	out, st := c.access(f, f.comm(), read, both)
	p := protection{in: commBasic, out: out, open: n == 0}
	if out == commPlain {
		p.in = commPlain
	}
	return p, st
}

// read is ReadData; a length of 0 means the rest of the file.
func (c *cardChip) read(header, _ []byte) ([]byte, status) {
	f, from, n, _ := c.part(header)
	if n == 0 {
		n = len(f.Data) - from
	}
	return slices.Clone(f.Data[from : from+n]), stOK
}

func (c *cardChip) planWrite(header []byte) (protection, status) {
	f, _, n, st := c.part(header)
	if st != stOK {
		return protection{}, st
	}
	if n == 0 {
		return protection{}, stParameter
	}
	_, write, both, _ := f.rights()
	in, st := c.access(f, f.comm(), write, both)
	p := protection{in: in, out: commBasic, n: n}
	if in == commPlain {
		p.out = commPlain
	}
	return p, st
}

// writeFile is WriteData.
func (c *cardChip) writeFile(header, data []byte) ([]byte, status) {
	f, from, _, _ := c.part(header)
	c.write(func() { copy(f.Data[from:], data) }, func() { copy(f.Data[from:], data[:len(data)/2]) })
	return nil, stOK
}
