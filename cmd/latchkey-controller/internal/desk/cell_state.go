package desk

import "fmt"

// A CellState is how a cell is: the worst that applies.
type CellState string

const (
	CellWorks       CellState = "works"
	CellUnused      CellState = "no controller yet"
	CellUnled       CellState = "nobody leads"
	CellSilent      CellState = "does not answer"   // who leads it
	CellCutOff      CellState = "no broker answers" // to who leads it
	CellBrokersAway CellState = "brokers out of reach"
)

// State returns how the cell is.
func (c *CellStatus) State() CellState {
	switch away := len(c.Away()); {
	case c.Leader() == nil && c.Readers == 0 && len(c.Controllers) == 0:
		return CellUnused
	case c.Leader() == nil:
		return CellUnled
	case c.Unheard:
		return CellSilent
	case away > 0 && away == len(c.Connected):
		return CellCutOff
	case away > 0:
		return CellBrokersAway
	}
	return CellWorks
}

// Away returns the brokers that who leads the cell does not reach.
func (c *CellStatus) Away() (away []BrokerStatus) {
	for _, b := range c.Connected {
		if !b.Up && b.Why != "" {
			away = append(away, b)
		}
	}
	return away
}

// Doubts says, for people, which brokers those that lead do not reach.
func (c *Cells) Doubts() (doubts []string) {
	for i := range c.All {
		cell := &c.All[i]
		leader := cell.Leader()
		if leader == nil {
			continue
		}
		who, of := leader.Where(), ""
		if len(c.All) > 1 {
			who, of = who+", which leads the cell "+cell.Name+",", " of that cell"
		}
		for _, b := range cell.Away() {
			doubts = append(doubts, fmt.Sprintf("%s does not reach the broker %s: %s", who, b.URL, b.Why))
		}
		if cell.State() == CellCutOff {
			doubts = append(doubts, fmt.Sprintf("%s reaches no broker, so the readers%s are neither heard nor told anything", who, of))
		}
	}
	return doubts
}
