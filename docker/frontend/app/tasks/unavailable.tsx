import { Alert } from '../alert.tsx';
import { RetryButton } from './retry-button.tsx';

export function Unavailable({ message }: { message: string }) {
  return (
    <section className="card unavailable">
      <Alert message={message} />
      <RetryButton />
    </section>
  );
}
