package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// ErrNotRunning says that no controller runs on a site.
var ErrNotRunning = errors.New("no controller runs on this site; start one with: latchkey-controller serve --dir DIR")

// An ElsewhereError is an ErrNotRunning that says where a controller does run.
type ElsewhereError struct{ desk.Elsewhere }

func (e *ElsewhereError) Error() string {
	return e.Runs() + "; " + e.There() + ", in the directory of that controller"
}

func (e *ElsewhereError) Is(err error) bool { return err == ErrNotRunning }

// maxAnswer is the most bytes of an answer: a reader with its policy has some KiB.
const maxAnswer = 64 << 20

// A Client acts at the desk of the controller that runs on a site. Its methods are
// the desk's.
type Client struct {
	Dir string // the site's directory
	Who string // who acts
	// Elsewhere is desk.ServedElsewhere, which is asked if no controller runs here; nil: nobody is.
	Elsewhere func(context.Context) desk.Elsewhere
}

// Order is desk.Order.
func (c Client) Order(ctx context.Context, reader string, order wire.Order) (outcome *desk.OrderResult, err error) {
	err = c.post(ctx, "/desk/orders", orderRequest{c.Who, reader, order}, &outcome)
	return outcome, err
}

// Enrol is desk.Enrol.
func (c Client) Enrol(ctx context.Context, user uint64, reader string) (read *desk.Enrolment, err error) {
	err = c.post(ctx, "/desk/enrolments", enrolRequest{c.Who, user, reader}, &read)
	return read, err
}

// ConfirmCard is desk.ConfirmCard.
func (c Client) ConfirmCard(ctx context.Context, id, lastFour string) (card *desk.KeyedCard, err error) {
	err = c.post(ctx, "/desk/cards", confirmRequest{c.Who, id, lastFour}, &card)
	return card, err
}

// NewCard is desk.NewCard.
func (c Client) NewCard(ctx context.Context, user uint64, reader string) (*desk.KeyedCard, error) {
	return c.writeKeys(ctx, newCard, user, 0, reader)
}

// RekeyCard is desk.RekeyCard.
func (c Client) RekeyCard(ctx context.Context, user, credential uint64, reader string) (*desk.KeyedCard, error) {
	return c.writeKeys(ctx, rekeyCard, user, credential, reader)
}

// ReturnCard is desk.ReturnCard.
func (c Client) ReturnCard(ctx context.Context, user, credential uint64, reader string) (*desk.KeyedCard, error) {
	return c.writeKeys(ctx, returnCard, user, credential, reader)
}

func (c Client) writeKeys(ctx context.Context, act string, user, credential uint64, reader string) (card *desk.KeyedCard, err error) {
	err = c.post(ctx, act, keysRequest{c.Who, user, credential, reader}, &card)
	return card, err
}

// Readers is desk.Readers.
func (c Client) Readers(ctx context.Context) (readers []*desk.Reader, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/readers?"+url.Values{"who": {c.Who}}.Encode(), nil, &readers)
	return readers, err
}

// Brokers is desk.Brokers.
func (c Client) Brokers(ctx context.Context) (brokers *desk.Brokers, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/brokers?"+url.Values{"who": {c.Who}}.Encode(), nil, &brokers)
	return brokers, err
}

// Cells is desk.Cells.
func (c Client) Cells(ctx context.Context) (cells *desk.Cells, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/cells?"+url.Values{"who": {c.Who}}.Encode(), nil, &cells)
	return cells, err
}

// CellReaders is desk.CellReaders.
func (c Client) CellReaders(ctx context.Context, cell int64) (readers []desk.CellReader, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/cells/readers?"+url.Values{"who": {c.Who}, "cell": {strconv.FormatInt(cell, 10)}}.Encode(), nil, &readers)
	return readers, err
}

// Controllers is desk.Controllers.
func (c Client) Controllers(ctx context.Context) (controllers []desk.ControllerStatus, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/controllers?"+url.Values{"who": {c.Who}}.Encode(), nil, &controllers)
	return controllers, err
}

// WantedModes is desk.WantedModes.
func (c Client) WantedModes(ctx context.Context) (modes []*desk.WantedMode, err error) {
	err = c.do(ctx, http.MethodGet, "/desk/modes?"+url.Values{"who": {c.Who}}.Encode(), nil, &modes)
	return modes, err
}

func (c Client) post(ctx context.Context, path string, request, into any) error {
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, b, into)
}

func (c Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	dir, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socketIn(dir))
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://controller"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		if c.Elsewhere != nil {
			if elsewhere := c.Elsewhere(ctx); elsewhere.Where != "" {
				return &ElsewhereError{elsewhere}
			}
		}
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("the controller: %w", err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("the controller: %w", err)
	}
	if len(b) > maxAnswer {
		return fmt.Errorf("the controller answers with more than %d MiB", maxAnswer>>20)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(b, into)
	case http.StatusNotFound:
		return errors.New("the controller that runs is another version than this program; restart it")
	default:
		return errors.New(string(bytes.TrimSpace(b)))
	}
}
