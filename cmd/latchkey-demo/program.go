package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// tellProgram prints how a program opens the door, as soon as the controller can tell which
// one that is.
func (d *demo) tellProgram(ctx context.Context, known *facts) error {
	const path = "/api/v1/developer/doors"
	// It has no way yet to know the authority of the site's certificate, and is on the same machine.
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+d.api+path, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+known.Token)
		response, err := client.Do(request)
		if err != nil { // it is not there yet
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		var doors struct {
			Msg  string
			Data []struct{ ID string }
		}
		err = json.NewDecoder(response.Body).Decode(&doors)
		response.Body.Close()
		if err != nil || len(doors.Data) == 0 {
			fmt.Printf("\n  No program can open the door: the API answers %s: %s. %s, below, has the token; remove it for another one.\n\n", response.Status, doors.Msg, d.path("facts.json"))
			return nil
		}
		fmt.Printf(`
  A program opens the door with the token %[1]s:

    curl -k -X PUT -H 'Authorization: Bearer %[1]s' https://%[2]s%[3]s/%[4]s/unlock

  What else it can do: https://%[2]s/openapi.json, and cmd/latchkey-controller/API.md

`, known.Token, d.api, path, doors.Data[0].ID)
		return nil
	}
}
