package sim

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

func (c *cardChip) planCardUID([]byte) (protection, status) {
	if c.session == nil {
		return protection{}, stAuth
	}
	return protection{in: commBasic, out: commFull}, stOK
}

// cardUID is GetCardUID.
func (c *cardChip) cardUID([]byte) ([]byte, status) {
	return slices.Clone(c.m.uid), stOK
}

// find gives the place of an application in the memory, or -1.
func (c *cardChip) find(aid []byte) int {
	return slices.IndexFunc(c.m.apps, func(a *application) bool { return bytes.Equal(a.AID, aid) })
}

// selectApplication is SelectApplication. The session ends, so the reply is plain.
func (c *cardChip) selectApplication(aid, _ []byte) ([]byte, status) {
	i := c.find(aid)
	switch {
	case bytes.Equal(aid, c.m.picc.AID):
		c.app = c.m.picc
	case i < 0:
		return nil, stNoApp
	default:
		c.app = c.m.apps[i]
	}
	c.session = nil
	return nil, stOK
}

// atPICC checks that a command runs at the PICC level, and with the master key
// unless the settings make it free.
func (c *cardChip) atPICC(free byte) status {
	if c.app != c.m.picc {
		return stDenied
	}
	if c.app.Settings&free == 0 && !c.isMaster() {
		return stAuth
	}
	return stOK
}

// applicationIDs is GetApplicationIDs.
func (c *cardChip) applicationIDs([]byte) ([]byte, status) {
	if st := c.atPICC(listsFree); st != stOK {
		return nil, st
	}
	var out []byte
	for _, a := range c.m.apps {
		out = append(out, a.AID...)
	}
	return out, stOK
}

// createApplication is CreateApplication: AID, key settings, number and type of
// keys, and for ISO/IEC 7816-4 a file identifier and a name.
func (c *cardChip) createApplication(data []byte) ([]byte, status) {
	if st := c.atPICC(createFree); st != stOK {
		return nil, st
	}
	aid, settings, second, rest := data[:3], data[3], data[4], data[5:]
	count, t := int(second&0x0F), keyType(second&0xC0)
	iso := second&0x20 != 0
	if second&0x10 != 0 { // a third byte of settings, without key sets
		if len(rest) == 0 || rest[0] != 0 {
			return nil, stParameter
		}
		rest = rest[1:]
	}
	var name []byte
	if len(rest) > 2 {
		name = rest[2:]
	}
	switch {
	case count < 1 || count > 14 || t == typeAES|type3K3DES || len(rest) == 1 || len(name) > 16,
		c.m.kind == D40 && second&0xF0 != 0:
		return nil, stParameter
	case bytes.Equal(aid, c.m.picc.AID) || c.find(aid) >= 0,
		slices.ContainsFunc(c.m.apps, func(a *application) bool { return len(name) > 0 && bytes.Equal(a.DFName, name) }):
		return nil, stDuplicate
	case len(c.m.apps) >= 28 && (c.m.kind == D40 || c.m.kind == DESFireEV1):
		return nil, stCount
	}
	cost := padded(32+count*t.size(), 32)
	if c.m.used+cost > chipMemory {
		return nil, stNoMemory
	}
	app := newApplication(aid, settings, t, count)
	app.ISOFiles, app.DFName = iso, slices.Clone(name)
	c.write(func() { c.m.apps, c.m.used = append(c.m.apps, app), c.m.used+cost }, nil)
	return nil, stOK
}

// deleteApplication is DeleteApplication, with the PICC master key, or with the
// application's own if the PICC's settings allow it. The memory stays used.
func (c *cardChip) deleteApplication(aid []byte) ([]byte, status) {
	i := c.find(aid)
	switch {
	case i < 0:
		return nil, stNoApp
	case !c.isMaster():
		return nil, stAuth
	case c.app == c.m.apps[i] && c.m.picc.Settings&createFree != 0:
		c.app, c.ended = c.m.picc, true
	case c.app != c.m.picc:
		return nil, stDenied
	}
	c.write(func() { c.m.apps = slices.Delete(c.m.apps, i, i+1) }, nil)
	return nil, stOK
}

// format is FormatPICC: all applications go, the PICC master key stays.
func (c *cardChip) format([]byte) ([]byte, status) {
	if st := c.atPICC(0); st != stOK {
		return nil, st
	}
	c.ended = true
	c.took = cmp.Or(c.m.opts.FormatTime, 100*time.Millisecond)
	c.write(func() { c.m.apps, c.m.used = nil, 0 }, nil)
	return nil, stOK
}

// freeMemory is FreeMemory.
func (c *cardChip) freeMemory([]byte) ([]byte, status) {
	free := chipMemory - c.m.used
	return []byte{byte(free), byte(free >> 8), byte(free >> 16)}, stOK
}
