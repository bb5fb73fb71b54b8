package sim

import "time"

// Command codes (UM0701-02, 7).
const (
	cmdDiagnose          = 0x00
	cmdGetFirmware       = 0x02
	cmdGetGeneralStatus  = 0x04
	cmdReadRegister      = 0x06
	cmdWriteRegister     = 0x08
	cmdReadGPIO          = 0x0C
	cmdWriteGPIO         = 0x0E
	cmdSetParameters     = 0x12
	cmdSAMConfiguration  = 0x14
	cmdPowerDown         = 0x16
	cmdRFConfiguration   = 0x32
	cmdInDataExchange    = 0x40
	cmdInCommunicateThru = 0x42
	cmdInDeselect        = 0x44
	cmdInListPassive     = 0x4A
	cmdInRelease         = 0x52
	cmdInSelect          = 0x54
	cmdInAutoPoll        = 0x60
)

// Flags of SetParameters.
const (
	flagAutoATR  = 0x04
	flagAutoRATS = 0x10
	flagNoAmble  = 0x40
)

// sleepDelay is how long after the response to PowerDown the chip is asleep.
const sleepDelay = time.Millisecond

// execute carries out a command that has been acknowledged.
func (n *pn532) execute(data []byte) {
	code, p := data[0], data[1:]
	if n.lowVbat && code >= cmdInDataExchange {
		n.refuse("a command for the radio before SAMConfiguration")
		return
	}
	var ok bool
	switch code {
	case cmdDiagnose:
		ok = n.diagnose(p)
	case cmdGetFirmware:
		ok = n.answer(len(p) == 0, code, 0x32, 0x01, 0x06, 0x07)
	case cmdGetGeneralStatus:
		ok = n.answer(len(p) == 0, code, n.rf.generalStatus()...)
	case cmdReadRegister:
		ok = n.answer(len(p) >= 2 && len(p)%2 == 0, code, n.rf.readRegisters(p)...)
	case cmdWriteRegister:
		ok = n.answer(n.rf.writeRegisters(p), code)
	case cmdReadGPIO:
		ok = n.answer(len(p) == 0, code, 0x3F, 0x06, 0x01) // P3, P7, and I0 I1 as set for SPI
	case cmdWriteGPIO:
		ok = n.answer(len(p) == 2, code)
	case cmdSetParameters:
		ok = n.answer(n.rf.setParameters(p), code)
	case cmdSAMConfiguration:
		ok = n.samConfiguration(p)
	case cmdPowerDown:
		ok = n.enterPowerDown(p)
	case cmdRFConfiguration:
		ok = n.answer(n.rf.configure(p), code)
	case cmdInListPassive:
		ok = n.listPassive(p)
	case cmdInAutoPoll:
		ok = n.autoPoll(p)
	case cmdInDataExchange:
		ok = n.inDataExchange(p)
	case cmdInCommunicateThru:
		ok = n.communicateThru(p)
	case cmdInDeselect, cmdInRelease, cmdInSelect:
		ok = n.target(code, p)
	default:
		n.refuse("a command that is unknown or not emulated")
		return
	}
	if !ok {
		n.refuse("a command with wrong parameters")
	}
}

// answer responds to code unless the parameters were wrong.
func (n *pn532) answer(ok bool, code byte, payload ...byte) bool {
	if ok {
		n.respond(n.opts.CommandTime, append([]byte{code + 1}, payload...)...)
	}
	return ok
}

func (n *pn532) samConfiguration(p []byte) bool {
	if len(p) < 1 || len(p) > 3 || p[0] < 1 || p[0] > 4 || p[0] == 2 && len(p) < 2 {
		return false
	}
	n.after(n.opts.CommandTime, func() {
		n.lowVbat = false
		n.irqOn = len(p) < 3 || p[2] == 0x01
		n.irq()
		n.finish(n.frame([]byte{cmdSAMConfiguration + 1}))
	})
	return true
}

func (n *pn532) enterPowerDown(p []byte) bool {
	if len(p) < 1 || len(p) > 2 {
		return false
	}
	n.wakeSPI, n.wakeHSU = p[0]&0x20 != 0, p[0]&0x10 != 0
	n.powerDown = true
	return n.answer(true, cmdPowerDown, 0x00)
}

// diagnose is those tests of Diagnose that a reader may use.
func (n *pn532) diagnose(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	switch p[0] {
	case 0x00: // communication line: what came goes back
		return n.answer(true, cmdDiagnose, p...)
	case 0x01, 0x02: // ROM, RAM
		return n.answer(len(p) == 1, cmdDiagnose, 0x00)
	case 0x06: // presence of an ISO/IEC 14443-4 card
		if len(p) != 1 {
			return false
		}
		if n.lowVbat {
			n.refuse("a command for the radio before SAMConfiguration")
			return true
		}
		t := n.rf.target
		if t == nil || t.ats == nil {
			return n.answer(true, cmdDiagnose, statusNotAcceptable)
		}
		if !n.rf.reaches(t) {
			n.lost(cmdDiagnose, t)
			return true
		}
		return n.answer(true, cmdDiagnose, 0x00)
	case 0x07: // antenna, with a threshold
		return n.answer(len(p) == 2, cmdDiagnose, 0x00)
	}
	return false
}
