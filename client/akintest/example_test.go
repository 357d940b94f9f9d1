package akintest_test

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// A test would call akintest.Start(t, papers...), which ends with the test.
func Example() {
	server := akintest.New(
		&client.Paper{Id: "a", Title: "Attention over graphs"},
		&client.Paper{Id: "b", Title: "Protein folding"},
	)
	server.Before = func(_ context.Context, method string) error {
		if method == "/akin.v1.PaperService/DeletePaper" {
			return akintest.Fail(codes.PermissionDenied, "this token may not delete", "ROLE_LACKING")
		}
		return nil
	}
	server.Listen()
	defer server.Kill()

	c, err := client.Dial(server.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	result, err := c.Search(context.Background(), "graphs")
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range result.Hits {
		fmt.Println(hit.GetPaper().GetTitle())
	}
	_, err = c.Delete(context.Background(), "a")
	fmt.Println(err)
	fmt.Println(server.Calls("SearchPapers"), "search,", server.Calls("DeletePaper"), "deletion")
	// Output:
	// Attention over graphs
	// delete: this token may not delete
	// 1 search, 1 deletion
}
