package sim

// status is the second byte of a DESFire's status word, 91 being the first, or
// the first byte of a native reply.
type status byte

const (
	stOK           status = 0x00
	stNoMemory     status = 0x0E
	stIllegal      status = 0x1C
	stIntegrity    status = 0x1E
	stNoSuchKey    status = 0x40
	stLength       status = 0x7E
	stDenied       status = 0x9D
	stParameter    status = 0x9E
	stNoApp        status = 0xA0
	stDelay        status = 0xAD
	stAuth         status = 0xAE
	stMore         status = 0xAF
	stBoundary     status = 0xBE
	stAborted      status = 0xCA
	stCount        status = 0xCE
	stDuplicate    status = 0xDE
	stFileNotFound status = 0xF0
)

// comm is how a command or its reply is protected.
type comm int

const (
	commPlain comm = iota
	commMAC
	commFull
	// commBasic is that of commands which are not about a file's data: EV2
	// messaging has a MAC both ways, EV1 messaging on replies, D40 none.
	commBasic
)

// protection is what a command and its reply are made of.
type protection struct {
	in, out comm
	n       int  // length of the command's data without the header; -1: any
	trailer int  // bytes after the data, which the checksum of EV1 and D40 does not cover
	open    bool // the host asked for "the rest", so it does not know the reply's length
}

// session is an authentication and the secure messaging that follows it.
type session interface {
	// length is that of a command's data and trailer as transmitted.
	length(p protection) int
	// unseal checks a command and returns its data and trailer. A command with
	// commBasic has all its data in the header.
	unseal(ins byte, header, body []byte, p protection) ([]byte, status)
	// seal protects the data of a reply whose status is 00.
	seal(data []byte, p protection) []byte
}

// noSession is before any authentication: all is plain.
type noSession struct{}

func (noSession) length(p protection) int { return p.n + p.trailer }

func (noSession) unseal(_ byte, _, body []byte, _ protection) ([]byte, status) { return body, stOK }

func (noSession) seal(data []byte, _ protection) []byte { return data }
