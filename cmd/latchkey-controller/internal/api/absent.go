package api

import "net/http"

// absent answers for what the UniFi Access developer API has and a site has not: as the
// original does for what a device lacks.
func absent(what string) handler {
	return func(*call) (any, error) {
		return nil, refuse(http.StatusBadRequest, codeUnsupported, "There are no "+what+" here")
	}
}
