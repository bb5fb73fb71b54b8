package link

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// otherCellAgain is how long a broker of another cell is left alone: somebody has to write its certificate anew, or to start
// the controller with other brokers.
const otherCellAgain = time.Minute

// An OtherCellError says that a broker is of another cell, by its certificate. Nothing was sent to it.
type OtherCellError struct {
	Cell     int64  // that of the certificate
	Is, Here string // names of both
}

// Error says what to do: administrators read it.
func (e *OtherCellError) Error() string {
	return fmt.Sprintf("by its certificate it is a broker of the cell %s: name it to controllers of that cell only, or, if it is to be one of %s, write its certificate with broker-config --cell %q and restart it", e.Is, e.Here, e.Here)
}

// ofOwnCell returns an error unless a broker's certificate is of the cell that the link serves.
func (o *Options) ofOwnCell(ctx context.Context, c *x509.Certificate) error {
	cell, err := site.BrokerCell(c)
	if err != nil || cell == o.Cell {
		return err
	}
	names := map[int64]string{}
	for _, id := range []int64{cell, o.Cell} {
		names[id] = fmt.Sprintf("with number %d", id) // if it was removed, or the database is away
	}
	o.Site.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Cells()
		for _, c := range all {
			names[c.ID] = c.Name
		}
		return err
	})
	return &OtherCellError{Cell: cell, Is: names[cell], Here: names[o.Cell]}
}
