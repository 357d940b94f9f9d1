package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// serve stands for a running server in the examples: it holds four papers.
func serve() (addr string, stop func()) {
	s := akintest.New(library()...)
	s.Listen()
	return s.Addr(), s.Kill
}

func Example() {
	addr, stop := serve()
	defer stop()

	c, err := client.Dial(addr) // of this machine, so plain; other machines are reached over TLS
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	ctx := context.Background()
	result, err := c.Search(ctx, "attention in networks", client.Limit(2))
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range result.Hits {
		fmt.Printf("%.2f %s\n", hit.GetCosine(), hit.GetPaper().GetTitle())
	}
	// Output:
	// 0.48 Attention over graphs
	// 0.33 Attention is all you need
}

func ExampleClient_Import() {
	addr, stop := serve()
	defer stop()
	c, err := client.Dial(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	papers := client.Papers(
		&client.Paper{
			Id: "1512.03385", Title: "Deep residual learning",
			Attributes: map[string]*client.AttributeValue{"year": client.Number(2015)},
		},
		&client.Paper{Id: "untitled"},
	)
	report, err := c.Import(context.Background(), papers,
		client.OnItemError(func(e *client.ItemError) { fmt.Println(e) }))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Written, "written,", report.Failed, "failed")
	// Output:
	// item 2 (untitled): paper.title and paper.abstract must not both be empty
	// 1 written, 1 failed
}

func ExampleClient_Recommend() {
	addr, stop := serve()
	defer stop()
	c, err := client.Dial(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	result, err := c.Recommend(context.Background(), client.Taste{
		Likes:    []*client.Preference{client.FromPaper("a"), client.FromText("graphs")},
		Dislikes: []*client.Preference{client.FromPaper("c")},
	}, client.Limit(1))
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range result.Hits {
		fmt.Println(hit.GetPaper().GetTitle())
	}
	// Output:
	// Attention over graphs
}

func ExampleClient_Profile() {
	addr, stop := serve()
	defer stop()
	c, err := client.Dial(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	ctx := context.Background()
	ada := c.Profile("ada", client.Fading(90*24*time.Hour))
	if err := ada.Like(ctx, "a"); err != nil {
		log.Fatal(err)
	}
	if err := ada.Read(ctx, "c"); err != nil {
		log.Fatal(err)
	}
	result, err := ada.Recommend(ctx, client.Limit(1))
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range result.Hits {
		fmt.Println(hit.GetPaper().GetTitle())
	}
	// Output:
	// Attention over graphs
}

func ExampleError() {
	addr, stop := serve()
	defer stop()
	c, err := client.Dial(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	_, err = c.Get(context.Background(), "nowhere")
	fmt.Println(errors.Is(err, client.ErrNotFound))

	_, err = c.Upsert(context.Background(), &client.Paper{Id: "x"})
	var e *client.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields() {
			fmt.Println(f.Field, f.Description)
		}
	}
	// Output:
	// true
	// paper.title and paper.abstract must not both be empty
}

func ExampleClient_List() {
	addr, stop := serve()
	defer stop()
	c, err := client.Dial(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	for paper, err := range c.List(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(paper.GetId(), paper.GetTitle())
	}
	// Output:
	// a Attention is all you need
	// b Attention over graphs
	// c Protein folding
	// d Protein folding
}
