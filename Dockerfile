# CPU image; for CUDA start from an nvidia/cuda runtime image and install jax[cuda12] instead.
FROM python:3.11-slim
RUN useradd --create-home jetvoice \
    && install -d -o jetvoice /voices /home/jetvoice/.cache
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER jetvoice
ENV JETVOICE_HOST=0.0.0.0 JETVOICE_VOICE_DIR=/voices
EXPOSE 8000
VOLUME /voices
# /readyz answers 503 until every program is compiled.
HEALTHCHECK --start-period=180s --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["python", "main.py"]
