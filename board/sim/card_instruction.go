package sim

import (
	"cmp"
	"slices"
)

// instruction is a command other than an authentication.
type instruction struct {
	header   int  // bytes in the clear before the data
	basic    bool // all data is header, from min to max bytes
	min, max int
	plan     func(c *cardChip, header []byte) (protection, status)
	run      func(c *cardChip, header, data []byte) ([]byte, status)
	chainsIn bool // data may come in more frames, after AF
	wholeOut bool // the reply comes in one piece, chained by ISO/IEC 14443-4
	// frames is how much of the reply each frame holds, the last one standing
	// for all that follow; nil: frameSize.
	frames []int
}

// instruction finds a command that this kind of card knows.
func (c *cardChip) instruction(ins byte) (instruction, bool) {
	k := c.m.kind
	basic := func(min, max int, run func(*cardChip, []byte) ([]byte, status)) instruction {
		return instruction{basic: true, min: min, max: max,
			plan: func(*cardChip, []byte) (protection, status) { return protection{in: commBasic, out: commBasic}, stOK },
			run:  func(c *cardChip, header, _ []byte) ([]byte, status) { return run(c, header) },
		}
	}
	if k == NTAG424 && c.app == c.m.picc && ins != 0x60 {
		return instruction{}, false // at the PICC level there is only GetVersion
	}
	switch ins {
	case 0x60: // GetVersion
		i := basic(0, 0, func(c *cardChip, _ []byte) ([]byte, status) { return c.version(), stOK })
		i.frames = []int{7, 7, frameSize}
		return i, true
	case 0x51: // GetCardUID
		i := basic(0, 0, (*cardChip).cardUID)
		i.plan = (*cardChip).planCardUID
		return i, k != D40
	case 0x64: // GetKeyVersion
		return basic(1, 1, (*cardChip).keyVersion), true
	case 0xC4: // ChangeKey
		return instruction{header: 1, plan: (*cardChip).planChangeKey, run: (*cardChip).changeKey}, true
	case 0x5C: // SetConfiguration
		return instruction{header: 1, plan: (*cardChip).planSetConfiguration}, k != D40
	case 0xF5: // GetFileSettings
		return basic(1, 1, (*cardChip).fileSettings), true
	case 0x5F: // ChangeFileSettings
		return instruction{header: 1, plan: (*cardChip).planChangeFileSettings, run: (*cardChip).changeFileSettings}, true
	case 0xAD: // ReadData by ISO/IEC 14443-4 chaining
		return instruction{header: 7, plan: (*cardChip).planRead, run: (*cardChip).read, wholeOut: true}, k >= DESFireEV2
	case 0x8D: // WriteData by ISO/IEC 14443-4 chaining
		return instruction{header: 7, plan: (*cardChip).planWrite, run: (*cardChip).writeFile}, k >= DESFireEV2
	}
	if k == NTAG424 {
		return instruction{}, false
	}
	switch ins {
	case 0x5A: // SelectApplication
		return instruction{header: 3, plan: planPlain, run: (*cardChip).selectApplication}, true
	case 0x6A: // GetApplicationIDs
		i := basic(0, 0, (*cardChip).applicationIDs)
		i.frames = []int{3 * cmp.Or(c.m.opts.AIDsInFrame, 19)}
		return i, true
	case 0xCA: // CreateApplication
		return basic(5, 24, (*cardChip).createApplication), true
	case 0xDA: // DeleteApplication
		return basic(3, 3, (*cardChip).deleteApplication), true
	case 0x45: // GetKeySettings
		return basic(0, 0, (*cardChip).keySettings), true
	case 0x54: // ChangeKeySettings
		return instruction{plan: (*cardChip).planChangeKeySettings, run: (*cardChip).changeKeySettings}, true
	case 0xFC: // FormatPICC
		return basic(0, 0, (*cardChip).format), true
	case 0x6E: // FreeMemory
		return basic(0, 0, (*cardChip).freeMemory), k != D40
	case 0x6F: // GetFileIDs
		return basic(0, 0, (*cardChip).fileIDs), true
	case 0xCD: // CreateStdDataFile
		return basic(7, 9, (*cardChip).createFile), true
	case 0xDF: // DeleteFile
		return basic(1, 1, (*cardChip).deleteFile), true
	case 0xBD: // ReadData
		return instruction{header: 7, plan: (*cardChip).planRead, run: (*cardChip).read}, true
	case 0x3D: // WriteData
		return instruction{header: 7, plan: (*cardChip).planWrite, run: (*cardChip).writeFile, chainsIn: true}, true
	}
	return instruction{}, false
}

// run runs a command: raw is its data as received so far.
func (c *cardChip) run(ins byte, i instruction, raw []byte) ([]byte, status) {
	var s session = noSession{}
	if c.session != nil {
		s = c.session
	}
	header := i.header
	if i.basic {
		header = len(raw) - s.length(protection{in: commBasic})
		if header < i.min || header > i.max {
			return nil, stLength
		}
	}
	if len(raw) < header {
		return nil, stLength
	}
	head, body := raw[:header], raw[header:]
	p, st := i.plan(c, head)
	if st != stOK {
		return nil, st
	}
	if p.n >= 0 {
		missing := s.length(p) - len(body)
		if missing > 0 && i.chainsIn {
			c.next = func(more []byte) ([]byte, status) {
				if len(more) == 0 {
					return nil, stLength
				}
				return c.run(ins, i, slices.Concat(raw, more))
			}
			return nil, stMore
		}
		if missing != 0 {
			return nil, stLength
		}
	}
	data, st := s.unseal(ins, head, body, p)
	if st != stOK {
		return nil, st
	}
	out, st := i.run(c, head, data)
	if st != stOK {
		return nil, st
	}
	if c.session != nil {
		out = s.seal(out, p)
	}
	if c.ended {
		c.session, c.ended = nil, false
	}
	if i.wholeOut {
		return out, stOK
	}
	return c.split(out, i.frames)
}

// split gives the first frame of a reply; AF gets the others.
func (c *cardChip) split(out []byte, frames []int) ([]byte, status) {
	size := frameSize
	if len(frames) > 0 {
		size = frames[0]
	}
	if len(out) <= size {
		return out, stOK
	}
	if len(frames) > 1 {
		frames = frames[1:]
	}
	c.next = func(data []byte) ([]byte, status) {
		if len(data) > 0 {
			return nil, stLength
		}
		return c.split(out[size:], frames)
	}
	return slices.Clip(out[:size]), stMore
}

func planPlain(*cardChip, []byte) (protection, status) { return protection{}, stOK }
