package sim

// What becomes of a command's ACK.
type ackFate int

const (
	ackComes     ackFate = iota
	ackSwallowed         // the command is carried out, and answered without
	commandLost          // the chip never saw the command
)

func (n *pn532) ackLost() ackFate {
	rng := n.board.ports[portNFC].rng
	switch {
	case !hit(rng, n.fault.LostACKs):
		return ackComes
	case rng.IntN(2) == 0:
		return ackSwallowed
	}
	return commandLost
}

// damaged is what of a frame can be read: all of it from a sound chip. At
// least one byte is left of a frame that is cut short, up to three bits flip
// in one that is garbled.
func (n *pn532) damaged(frame []byte) []byte {
	rng := n.board.ports[portNFC].rng
	if hit(rng, n.fault.ShortFrames) {
		frame = frame[:1+rng.IntN(len(frame)-1)]
	}
	if hit(rng, n.fault.GarbledFrames) {
		frame = append([]byte(nil), frame...)
		for range 1 + rng.IntN(3) {
			frame[rng.IntN(len(frame))] ^= 1 << rng.IntN(8)
		}
	}
	return frame
}
