package web

import "net/http"

// showMap shows all papers at once.
func (v *visit) showMap() error {
	if err := v.taste(); err != nil {
		return err
	}
	return v.render(http.StatusOK, "map", frame{Title: "Map", Section: "map"})
}
