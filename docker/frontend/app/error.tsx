'use client';

/** The last resort: a server that answered with an error, or a page from an older release. */
export default function ErrorPage() {
  return (
    <main id="main" className="entry-page">
      <section className="card entry" role="alert">
        <h1>Something went wrong</h1>
        <p>TaskFlow could not show this page. Reloading it usually helps.</p>
        <button type="button" className="primary" onClick={() => window.location.reload()}>
          Reload
        </button>
      </section>
    </main>
  );
}
