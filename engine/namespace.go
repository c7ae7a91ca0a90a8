package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// ensureTimeout is far above Temporal's namespace cache refresh (2 s by
	// default), which is what EnsureNamespace waits for.
	ensureTimeout = 60 * time.Second

	ensurePause = 100 * time.Millisecond
)

// EnsureNamespace makes the namespace with its retention and the custom search
// attributes, and changes nothing that is already there. It returns when a
// workflow can be started with the attributes, found by them and can upsert
// them. Several processes may call it at once. The client needs no permission
// to change anything when everything exists, as on Temporal Cloud.
func EnsureNamespace(
	ctx context.Context, c client.Client, namespace string, retention time.Duration,
	attributes map[string]enumspb.IndexedValueType,
) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTimeout)
	defer cancel()
	e := ensurer{client: c, namespace: namespace, attributes: attributes}
	if err := e.register(ctx, retention); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	added, err := e.addAttributes(ctx)
	if err != nil {
		return fmt.Errorf("search attributes of namespace %s: %w", namespace, err)
	}
	if err := e.waitListable(ctx); err != nil {
		return fmt.Errorf("search attributes of namespace %s are not usable: %w", namespace, err)
	}
	if !added {
		return nil
	}
	if err := e.waitUpsertable(ctx); err != nil {
		return fmt.Errorf("search attributes of namespace %s are not usable by workflows: %w", namespace, err)
	}
	return nil
}

type ensurer struct {
	client     client.Client
	namespace  string
	attributes map[string]enumspb.IndexedValueType
}

// register makes the namespace unless it exists. Temporal reads the store for
// this question, not its cache.
func (e *ensurer) register(ctx context.Context, retention time.Duration) error {
	service := e.client.WorkflowService()
	return poll(ctx, func() (bool, error) {
		_, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: e.namespace})
		if !isNotFound(err) {
			return err == nil, err
		}
		_, err = service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        e.namespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if _, ok := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); ok {
			return true, nil
		}
		return err == nil, err
	})
}

// addAttributes adds what is missing and says whether it added anything. Two
// processes that add at once may collide in the choice of a column; the one
// that is refused looks again and finds the other's work.
func (e *ensurer) addAttributes(ctx context.Context) (added bool, err error) {
	operator := e.client.OperatorService()
	err = poll(ctx, func() (bool, error) {
		missing, err := e.missingAttributes(ctx)
		if err != nil {
			return false, err
		}
		if len(missing) == 0 {
			return true, nil
		}
		added = true
		_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: e.namespace, SearchAttributes: missing,
		})
		return false, err
	})
	return added, err
}

func (e *ensurer) missingAttributes(ctx context.Context) (map[string]enumspb.IndexedValueType, error) {
	present, err := e.client.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: e.namespace})
	if err != nil {
		return nil, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, wanted := range e.attributes {
		has, found := present.GetCustomAttributes()[name]
		switch {
		case !found:
			missing[name] = wanted
		case has != wanted:
			return nil, permanent(fmt.Errorf("%s is a %s and must be a %s", name, has, wanted))
		}
	}
	return missing, nil
}

// waitListable waits until the frontend knows the attributes in queries, which
// is when it also accepts them at a workflow's start. The workflow id keeps the
// question cheap however many workflows there are.
func (e *ensurer) waitListable(ctx context.Context) error {
	conditions := make([]string, 0, len(e.attributes))
	for name := range e.attributes {
		conditions = append(conditions, name+" IS NOT NULL")
	}
	if len(conditions) == 0 {
		return nil
	}
	slices.Sort(conditions)
	query := "WorkflowId = 'namespace-check' AND (" + strings.Join(conditions, " OR ") + ")"
	return poll(ctx, func() (bool, error) {
		_, err := e.client.WorkflowService().CountWorkflowExecutions(ctx,
			&workflowservice.CountWorkflowExecutionsRequest{Namespace: e.namespace, Query: query})
		return err == nil, err
	})
}

type permanentError struct{ error }

// permanent marks an error that waiting does not mend.
func permanent(err error) error { return permanentError{err} }

func (e permanentError) Unwrap() error { return e.error }

// poll calls attempt until it says done, fails for good or the context ends. It
// then returns the last error, which tells more than "deadline exceeded".
func poll(ctx context.Context, attempt func() (done bool, err error)) error {
	for {
		done, err := attempt()
		if done {
			return nil
		}
		var denied *serviceerror.PermissionDenied
		var hopeless permanentError
		if errors.As(err, &denied) || errors.As(err, &hopeless) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(ensurePause):
		}
	}
}

func isNotFound(err error) bool {
	var missing *serviceerror.NamespaceNotFound
	var notFound *serviceerror.NotFound
	return errors.As(err, &missing) || errors.As(err, &notFound)
}
