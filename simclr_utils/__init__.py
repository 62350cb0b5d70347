from simclr_utils.keras_settings import choose_backend

choose_backend()
