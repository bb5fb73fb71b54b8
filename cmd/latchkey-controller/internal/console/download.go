package console

import (
	"fmt"
	"net/http"
	"time"
)

// download sends the output of write as a file. An error before the first byte gets a
// normal answer; a later one cuts the connection, so that nobody takes half a file
// for a whole one.
func (c *Console) download(w http.ResponseWriter, r *http.Request, kind, name string, write func(http.ResponseWriter) error) error {
	d := &downloading{ResponseWriter: w, kind: kind, name: name}
	err := write(d)
	if err != nil && d.begun {
		c.log.Error("console: download interrupted", "file", name, "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// A downloading response sets its headers with the first byte.
type downloading struct {
	http.ResponseWriter
	kind, name string
	begun      bool
}

func (d *downloading) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.Header().Set("Content-Type", d.kind)
		d.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.name))
	}
	// A slow client may take as long as it keeps reading.
	if err := http.NewResponseController(d.ResponseWriter).SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	return d.ResponseWriter.Write(b)
}
