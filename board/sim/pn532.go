package sim

type NFCOptions struct{}

type pn532 struct {
	board *Board
	fault Fault
	card  *air
}

func newPN532(b *Board, o NFCOptions) *pn532 { return &pn532{board: b} }

func (n *pn532) powerUp()          {}
func (n *pn532) powerOff()         {}
func (n *pn532) faultChanged()     {}
func (n *pn532) reset(active bool) {}
func (n *pn532) selected(c clock)  {}
func (n *pn532) deselected()       {}
func (n *pn532) shift(w, r []byte) { float(r, 0xFF) }
func (n *pn532) present(a *air)    { n.card = a; n.board.notify() }
func (n *pn532) remove()           { n.card = nil; n.board.notify() }
